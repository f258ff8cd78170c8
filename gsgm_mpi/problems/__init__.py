"""What is trained: models, the gradient of a model on a learner's batch, and its evaluation.

Nothing is imported here, so that importing the package does not bring torch (1.4 s and 215 MB).
"""
