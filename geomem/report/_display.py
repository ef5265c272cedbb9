"""Display in a notebook; silent in a plain interpreter."""

__all__ = ["show"]


def show(data: dict[str, str], metadata: dict) -> None:
    """Display one output, given by media type, when code runs in a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:  # geomem works without IPython
        return
    if get_ipython() is not None:
        display(data, raw=True, metadata=metadata)
