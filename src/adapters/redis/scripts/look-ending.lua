-- KEYS: endings.

return endingState(KEYS[1], clockMs())
