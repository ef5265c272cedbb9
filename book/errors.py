"""The one error of the pipeline."""

__all__ = ["BookError"]


class BookError(Exception):
    """One sentence per problem, naming the chapter and the cell, or the file, and what to do.

    Parameters
    ----------
    sentences : str
        The problems, one sentence each.
    details : str
        Lines printed below the sentences, such as the end of a traceback.
    """

    def __init__(self, *sentences: str, details: str = ""):
        super().__init__("\n".join(sentences))
        self.sentences = sentences
        self.details = details
