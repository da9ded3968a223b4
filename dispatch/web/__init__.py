"""Server-rendered pages, their styles and small ES modules."""
