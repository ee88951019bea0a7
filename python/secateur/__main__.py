"""`python -m secateur`: the command `secateur`."""

from secateur.cli import main

main()
