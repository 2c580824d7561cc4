"""Whether AWS really runs what was asked: facts are gathered once, pure checks turn them into findings."""
