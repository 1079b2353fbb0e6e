"""Reports: tables, the page that people read, and the viewer of replies."""
