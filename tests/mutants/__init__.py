"""Mutation testing of the state and money modules: a small change of their code that no test notices is a hole.

`python -m tests.mutants [module …]` changes one thing at a time (`changes`), runs the tests that reach the changed line
in a fresh copy of the process (`trial`), and prints every change that survived. A survivor must be killed by a test, or
stand in `equivalent.toml` with the reason why it changes neither money nor state.
"""
