"""Other people's APIs that clients may speak to Headrace: Ollama's, Anthropic's, and the AI SDK's message stream."""
