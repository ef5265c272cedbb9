"""What a chapter hands to its reader: figures, claims, and archived arrays, each with a record.

:mod:`~geomem.report.style` is the look of every figure, :func:`geomem.report.figure.publish` writes
a figure with its data and record, :func:`geomem.report.claim.claim` asserts a number that the text
states, and :mod:`~geomem.report.archive` keeps labeled arrays with their provenance and checksum. A figure may have
an interactive twin (:mod:`~geomem.report.explorer`).
Files are written atomically (:mod:`~geomem.report.files`). The environment variable ``GEOMEM_RUN``
names the folder of the current execution; without it (a notebook opened by hand) figures and
claims are checked and displayed, and nothing is written. Nothing here imports torch.
"""
