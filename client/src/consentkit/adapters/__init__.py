"""The filter inside the tools that pipelines use, one module for each; each imports its library when it is imported.

Every adapter takes a `Registry` (decides by the newest state), a `Pin` (by its size), or a `Moment`. In scope a row
passes only if its key is permitted; other rows pass unless they are excluded. All of them decide by
`filtering.Judge`, or join with what it listed.
"""
