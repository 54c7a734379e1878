"""`python -m edge_runtime` is `edge-run`."""

from .cli.main import main

main()
