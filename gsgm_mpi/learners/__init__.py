"""Learner-side rules. Pure: numpy and the standard library only."""

from gsgm_mpi.learners.base import Gradient, Plain, Rule, Vector
from gsgm_mpi.learners.svrg import VarianceReduced

__all__ = ["Gradient", "Plain", "Rule", "VarianceReduced", "Vector"]
