-- The end of a holder's turn.

-- Gives a counted attempt back as if it had not been made.
local function giveBack(state)
  local counter = state.holder.counter
  if counter then
    setCount(state, counter, math.max((state[counter] or 0) - 1, 0), state.holder.formerEnd or state[counter .. 'End'])
  end
end

-- Hands the gate to the next waiter; `endedAt` when a grant was made.
local function freeGate(state, now, endedAt)
  freeFirst()
  state.holder = nil
  state.endedAt = endedAt or state.endedAt
  if state.waiters then waitersOf(state, now).promote() end
end
