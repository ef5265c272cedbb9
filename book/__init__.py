"""Execute, check, and publish the book.

``python -m book build`` takes every chapter named in ``_toc.yml`` through these steps, one file each:

``chapter``     read a MyST notebook and count its cells
``closure``     the modules of :mod:`geomem` that a chapter reaches by imports
``freshness``   the key of a chapter, and why it is stale
``execute``     run stale chapters, each in a process of its own (``worker``), and rename the finished run into place
``normalize``   remove what differs between two executions; turn published figures into captioned figures
``records``     what the runs published: figures, claims, identifiers
``generated_pages``  the record page of each figure, the index of figures, the ledger of claims, the status page
``render``      stage the sources, let Jupyter Book render them, swap the result into place
``check``       count pages and figures, resolve links, refuse external requests
``verify``      execute a figure's chapter again and compare the arrays

Chapters never import this package, and neither does :mod:`geomem`.
"""
