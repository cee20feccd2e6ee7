"""Tasks with known answers: an epidemic with known truths, and the SIR and Lotka-Volterra tasks of sbibm."""
