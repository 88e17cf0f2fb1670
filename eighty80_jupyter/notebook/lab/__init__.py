"""Prompt cells in JupyterLab and Notebook 7: the kernel's side, and the extension's files.

`extension` is what the wheel puts into `share/jupyter/labextensions`: plain ES modules, which every
page loads. `static/page.js` is what a kernel that has the extension sends to its page.
"""
