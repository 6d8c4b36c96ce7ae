"""How a simulated registry refuses."""


class Gone(Exception):
    """The simulator's own refusal: status, slug and detail."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail
