"""The worker side: one module per framework, started by path with any Python interpreter (3.8 or later).

The modules here need the standard library, NumPy and their one framework, and import nothing else of this project.
"""
