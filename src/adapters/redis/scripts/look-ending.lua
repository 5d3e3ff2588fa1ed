-- KEYS: endings.

return endingState(KEYS[1])
