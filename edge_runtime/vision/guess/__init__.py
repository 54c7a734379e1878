"""What a network probably is, from what its file says and from one call of it: a guess, with its reasons."""
