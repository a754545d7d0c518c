"""Running streams: one detached producer each, any number of readers, all through the journal."""
