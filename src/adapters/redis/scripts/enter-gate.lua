-- Grants the gate to a newcomer, or puts it behind everyone who waits. A gate without a holder has nobody who waits.

local function enterGate(state, waiter, waitMs, queueLimit, now)
  if state.holder then
    local queue = waitersOf(state, now)
    queue.reap()
    if state.holder then return queue.enqueue(waiter, waitMs, queueLimit) end
  end
  return admit(state, waiter, now)
end
