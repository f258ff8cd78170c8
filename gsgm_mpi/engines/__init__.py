"""What moves vectors and calls the methods: the wall clock over MPI, and the bookkeeping that every engine shares."""
