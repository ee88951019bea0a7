"""What a frontend calls: one function per meaning, NumPy weights in, operators of the graph out. No torch."""
