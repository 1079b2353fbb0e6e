"""Reports: tables and pictures of the rates. The only part of the library that draws."""
