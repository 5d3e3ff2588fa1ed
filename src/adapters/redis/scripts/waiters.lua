-- Those who wait at a gate, first come first served. Made when somebody waits: `waitersOf(state, now).promote()`.

local function waitersOf(state, now)
  local queue = {}

  local function keep(waiters)
    changed = true
    state.waiters = #waiters > 0 and waiters or nil
  end

  function queue.tell(waiter, answer)
    -- Must not end the script, which has written: a store that refuses the channel would forget the counts. Waiters poll.
    redis.pcall('PUBLISH', waiter.channel, waiter.id .. ' ' .. table.concat(answer, ' '))
  end

  -- Hands a free gate to the first waiter that may have it; those before it that may not are told why.
  function queue.promote()
    local waiters = state.waiters or {}
    while not state.holder and #waiters > 0 do
      local waiter = table.remove(waiters, 1)
      if waiter.deadline > now then queue.tell(waiter, admit(state, waiter, now)) end
      keep(waiters)
    end
  end

  -- Takes the gate from a holder whose lease is over. Its grant may still be running, so the next one follows another.
  function queue.reap()
    if state.holder and state.holder.leaseEnd <= now then
      freeFirst()
      state.holder, state.endedAt = nil, now
      queue.promote()
    end
  end

  function queue.placeOf(id)
    for place, waiter in ipairs(state.waiters or {}) do
      if waiter.id == id then return place end
    end
    return nil
  end

  function queue.remove(place)
    freeFirst()
    local waiters = state.waiters
    table.remove(waiters, place)
    keep(waiters)
  end

  function queue.enqueue(waiter, waitMs, queueLimit)
    local waiters = state.waiters or {}
    if #waiters >= queueLimit then
      local inTime = {}
      for _, other in ipairs(waiters) do
        if other.deadline > now then inTime[#inTime + 1] = other end
      end
      waiters = inTime
      keep(waiters)
      if #waiters >= queueLimit then return { 'busy' } end
    end
    waiter.deadline = now + waitMs
    waiters[#waiters + 1] = waiter
    keep(waiters)
    return { 'queued' }
  end

  return queue
end

-- What an entry has that has entered already, or nil.
local function standingOf(id, state, now)
  if state.holder and state.holder.id == id then return grantedAnswer(state.holder) end
  if state.waiters and waitersOf(state, now).placeOf(id) then return { 'queued' } end
  return nil
end
