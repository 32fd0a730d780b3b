"""Beside the line: a real model and honest applications that call it; knows only the SDK and addresses."""
