"""The OpenAI-compatible face: any client of that API, pointed here."""
