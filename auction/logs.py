"""The logs of every process: events with fields on standard error, as lines for people or as JSON."""

import logging
import sys

import structlog
from structlog.typing import Processor


def configure_logs(level: str, form: str) -> None:
    """Configure structlog and the standard library's logging; `form` is console or json. Called once, at the start."""
    known: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Processor]
    if form == "json":
        # tracebacks without local variables: a token or a maximum bid may be among them
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        rendering = [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        rendering = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*known, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=known,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    # of libraries only warnings and errors
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
