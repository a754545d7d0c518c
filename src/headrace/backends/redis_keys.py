"""The shared journal's keys, limits and scripts on a Redis or Valkey server. It never talks to one.

    log:<stream>      stream    a batch an entry; its id is `<number of the batch's last event>-0`, so a cursor is an id
                                field `d`: msgpack of the entries; `l`: the ending that a lost producer did not write
    about:<stream>    hash      worker, state (`t` running, `e` ended, `l` lost), kept (events before that ending),
                                oldest (number of the first event kept), about (JSON), created
    running:<worker>  set       its streams that have not ended
    dead:<worker>     string    the fence: whoever finds it set appends nothing more under this name
    control:<worker>  stream    what other workers ask of it, and tell it: `cancel`, `join`, `leave`
    leases            zset      worker → when its lease ends, in the server's milliseconds
    ended             zset      stream → when it expires: the oldest go first where the server is full
    project:<name>    zset      stream → when it was created
    wire:<stream>     string    what went over the wire for a stream that has ended, without keys: deflated JSON
    wires             zset      those streams → when that expires
    wires:sizes       hash      those streams → its size and project
    wires:held        hash      project → what its wires take together
    wires:of:<name>   zset      of one project, those streams → when that expires
    claim:<name>      string    what was claimed under this name, until it expires
    open:<name>       hash      worker → how many streams it runs under this name, where their number is limited
    epoch             string    lost with the data: tells a server that was emptied from one that was away

A lease belongs to a worker, not to a stream: streams die with their worker, and one renewal serves them all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

PREFIX = "headrace:"

FLUSH_SECONDS = 0.02  # between two flushes; the first after a silence goes at once. The promise is 25 ms
FLUSH_STREAMS = 256  # in one script call, which nothing interrupts: about a millisecond of the server
FLUSH_BYTES = 1024 * 1024  # likewise
PAGE_BATCHES = 64  # of one stream in one answer to a reader
COMMAND_SECONDS = 1.5  # a server that takes longer counts as away
RETRY_SECONDS = 0.4  # after a failure; short, so that a producer is back before the others take it for lost
TICK_SECONDS = 1.0  # renewal, and the look for others that did not renew
LEASE_SECONDS = 4.0  # three renewals may fail
SECOND_LOOK_SECONDS = 1.8  # an expired lease counts only if it is still so: after a pause of the server all are
AWAY_SECONDS = 5.0  # after which readers of other workers' streams are told. With the look before it: below 10
STALL_SECONDS = 4.0  # a mirror this far behind no longer renews its lease: nobody should wait for it
BLOCK_SECONDS = 2.0  # of one waiting read
LOOK_AGAIN_SECONDS = (0.05, 0.15, 0.3, 0.5)  # a client may know a stream before a busy mirror has it
FORGOTTEN_SECONDS = 30.0  # what a server that takes over, or is back from its disk, may lack
RUNNING_SECONDS = 2 * 3600.0  # keys of a running stream live this long beyond the last refresh
REFRESH_SECONDS = 900.0
DEAD_SECONDS = 86_400.0  # longer than any process stays stopped and then goes on
CONTROL_SECONDS = 60.0  # beyond the last heartbeat: a list that is begun anew numbers by the clock, which may go back
CONTROL_ENTRIES = 2048  # read within milliseconds; a storm of readers must not push a cancel out
PROJECT_SECONDS = 86_400.0
LISTED_STREAMS = 1000  # of one project, newest first
MIRROR_BYTES = 16 * 1024 * 1024  # of one stream; over it the oldest go, and their cursors expire
TRIM_BYTES = 1024 * 1024  # trimmed in steps of this
BATCH_BYTES = 64  # about what an entry costs beside its data: bounds the length as well
WIRES_BYTES = 32 * 1024 * 1024  # of all wires together, deflated, shared out between projects as in one process
WIRE_LEAST = 16 * 1024  # what each counts for at least: bounds their number to a millisecond of the script
RELIEVED_STREAMS = 32  # dropped at a time where the server is full

RUNNING, ENDED, LOST = b"t", b"e", b"l"
DATA, ENDING = b"d", b"l"
FENCED, NOT_OURS = -1, -2  # what scripts answer


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix."""

    prefix: str = PREFIX

    def log(self, stream_id: str) -> str:
        return f"{self.prefix}log:{stream_id}"

    def about(self, stream_id: str) -> str:
        return f"{self.prefix}about:{stream_id}"

    def running(self, worker: str) -> str:
        return f"{self.prefix}running:{worker}"

    def dead(self, worker: str) -> str:
        return f"{self.prefix}dead:{worker}"

    def control(self, worker: str) -> str:
        return f"{self.prefix}control:{worker}"

    def project(self, name: str) -> str:
        return f"{self.prefix}project:{name}"

    def claim(self, name: str) -> str:
        return f"{self.prefix}claim:{name}"

    def open(self, name: str) -> str:
        return f"{self.prefix}open:{name}"

    def wire(self, stream_id: str) -> str:
        return f"{self.prefix}wire:{stream_id}"

    @property
    def wires(self) -> str:
        return f"{self.prefix}wires"

    @property
    def wire_books(self) -> tuple[str, ...]:
        """What the script about wires goes by: `KEEP_WIRE`."""
        return self.wires, f"{self.wires}:sizes", f"{self.wires}:held", f"{self.wires}:of:", self.wire("")

    @property
    def leases(self) -> str:
        return f"{self.prefix}leases"

    @property
    def ended(self) -> str:
        return f"{self.prefix}ended"

    @property
    def epoch(self) -> str:
        return f"{self.prefix}epoch"


@dataclass(frozen=True, slots=True)
class Script:
    """Lua, and the name under which a server keeps it."""

    text: str

    @property
    def sha(self) -> bytes:
        return hashlib.sha1(self.text.encode()).hexdigest().encode()  # noqa: S324 - the server's own naming


# The hot one: one call a batch, after one look at the fence. Answers -1 to a fenced worker, else what failed and why.
APPEND = Script("""
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
local failed = {}
for i = 2, #KEYS do
  local reply = redis.pcall('XADD', KEYS[i], 'NOMKSTREAM', ARGV[2 * i - 3], 'd', ARGV[2 * i - 2])
  if not reply or reply.err then
    failed[#failed + 1] = i - 2
    failed[#failed + 1] = reply and reply.err or ''
  end
end
return failed
""")

# Takes up a stream, or takes it up again after a break: the number of the last event there, -1 to a fenced worker,
# -2 where the stream is another's or was given up as lost. No stream without a lease: a worker may die before it has
# renewed for the first time, and nobody else would ever end what it had begun.
OPEN = Script("""
local about, log, running, dead, project = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker, id, described, created, ttl, listed = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local leases, lease = KEYS[6], tonumber(ARGV[8])
if redis.call('EXISTS', dead) == 1 then return -1 end
local held = redis.call('HMGET', about, 'worker', 'state')
if held[1] and (held[1] ~= worker or held[2] == 'l') then return -2 end
local top = 0
if redis.call('EXISTS', log) == 1 then
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if last then top = tonumber(string.match(last[1], '^%d+')) end
else
  redis.call('XDEL', log, redis.call('XADD', log, '0-1', 'd', ''))
end
redis.call('HSET', about, 'worker', worker, 'state', 't', 'about', described, 'created', created)
if top == 0 then redis.call('HSET', about, 'oldest', 1) end
redis.call('PEXPIRE', about, ttl)
redis.call('PEXPIRE', log, ttl)
redis.call('SADD', running, id)
local time = redis.call('TIME')
redis.call('ZADD', leases, 'NX', time[1] * 1000 + math.floor(time[2] / 1000) + lease, worker)
if listed ~= '' then
  redis.call('ZADD', project, created, id)
  redis.call('ZREMRANGEBYRANK', project, 0, -1 - tonumber(listed))
  redis.call('PEXPIRE', project, ARGV[7])
end
return top
""")

# The producer's own ending is in the log.
END = Script("""
local about, log, running, ended = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, id, replay = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', about, 'worker') ~= worker then return 0 end
local time = redis.call('TIME')
redis.call('HSET', about, 'state', 'e')
redis.call('ZADD', ended, time[1] * 1000 + replay, id)
redis.call('PEXPIRE', about, replay)
redis.call('PEXPIRE', log, replay)
redis.call('SREM', running, id)
return 1
""")

# The oldest batches of a stream that has grown over its bound go.
TRIM = Script("""
local about, log, number = KEYS[1], KEYS[2], tonumber(ARGV[1])
redis.call('XTRIM', log, 'MINID', number + 1)
if redis.call('EXISTS', about) == 1 then redis.call('HSET', about, 'oldest', number + 1) end
return 1
""")

# A lost producer's stream gets its ending, once, whoever comes first. An empty ending: it had its own.
LOSE = Script("""
local about, log, running, ended = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, replay, top, last, ending = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
if redis.call('HGET', about, 'state') == 't' then
  local time = redis.call('TIME')
  if ending ~= '' then
    redis.call('XADD', log, last, 'l', ending)
    redis.call('HSET', about, 'state', 'l', 'kept', top)
  else
    redis.call('HSET', about, 'state', 'e')
  end
  redis.call('ZADD', ended, time[1] * 1000 + replay, id)
  redis.call('PEXPIRE', about, replay)
  redis.call('PEXPIRE', log, replay)
end
redis.call('SREM', running, id)
return 1
""")

# Takes a worker's name from it for good, unless it has renewed in the meantime; its streams are the answer.
FENCE = Script("""
local leases, dead, running = KEYS[1], KEYS[2], KEYS[3]
if redis.call('ZSCORE', leases, ARGV[1]) ~= ARGV[2] then return false end
redis.call('SET', dead, 1, 'PX', ARGV[3])
return redis.call('SMEMBERS', running)
""")

# Keeps a wire. Where there is no more room, the oldest of the project that has most go: see `capture_room`.
KEEP_WIRE = Script("""
local wires, sizes, held, of, prefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, project, data = ARGV[1], ARGV[2], ARGV[3]
local replay, most, least = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function drop(stream)
  local size, whose = string.match(redis.call('HGET', sizes, stream) or '0 ', '^(%d+) (.*)$')
  redis.call('UNLINK', prefix .. stream)
  redis.call('ZREM', wires, stream)
  redis.call('ZREM', of .. whose, stream)
  redis.call('HDEL', sizes, stream)
  if redis.call('HINCRBY', held, whose, -size) <= 0 then redis.call('HDEL', held, whose) end
  return tonumber(size)
end
for _, over in ipairs(redis.call('ZRANGEBYSCORE', wires, '-inf', now, 'LIMIT', 0, 64)) do drop(over) end
local size = math.max(#data, least)
local total, bytes, flat = size, {[project] = 0}, redis.call('HGETALL', held)
for i = 1, #flat, 2 do
  bytes[flat[i]] = tonumber(flat[i + 1])
  total = total + bytes[flat[i]]
end
bytes[project] = bytes[project] + size
while total > most do
  local largest = project
  for whose, count in pairs(bytes) do if count > bytes[largest] then largest = whose end end
  local oldest = redis.call('ZRANGE', of .. largest, 0, 0)[1]
  if not oldest then return 0 end
  local freed = drop(oldest)
  bytes[largest], total = bytes[largest] - freed, total - freed
end
redis.call('SET', prefix .. id, data, 'PX', replay)
redis.call('ZADD', wires, now + replay, id)
redis.call('ZADD', of .. project, now + replay, id)
redis.call('HSET', sizes, id, string.format('%d %s', size, project))
redis.call('HINCRBY', held, project, size)
for _, key in ipairs({wires, sizes, held, of .. project}) do redis.call('PEXPIRE', key, replay) end
return 1
""")

# Gives a name free, unless somebody else holds it by now.
RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")

# Renews (unless told not to, or fenced), and looks around: fenced?, renewed? (-1 where the server is full and refuses,
# which still has to answer), the epoch, others whose lease is over.
TICK = Script("""
local leases, dead, epoch, ended, control = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker, lease, renew = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fenced = redis.call('EXISTS', dead)
local renewed = 0
if renew == '1' and fenced == 0 then
  redis.pcall('SET', epoch, string.format('%s:%d', worker, now), 'NX')
  local reply = redis.pcall('ZADD', leases, now + lease, worker)
  renewed = type(reply) == 'number' and 1 or -1
end
redis.call('ZREMRANGEBYSCORE', ended, '-inf', now)
redis.call('PEXPIRE', control, ARGV[4])
local over = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 16)
return {fenced, renewed, redis.call('GET', epoch), over}
""")

# One more stream under each of these names, unless one is full: then its place among them, else 0. What a worker says
# of itself is its own count, and holds as long as its lease; that of one which has gone for good is taken out.
TAKE_PLACES = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local worker, keep = ARGV[1], ARGV[2]
for i = 2, #KEYS do
  local sum, held = tonumber(ARGV[2 * i - 1]), redis.call('HGETALL', KEYS[i])
  for j = 1, #held, 2 do
    if held[j] ~= worker then
      local lease = redis.call('ZSCORE', KEYS[1], held[j])
      if not lease then redis.call('HDEL', KEYS[i], held[j])
      elseif tonumber(lease) > now then sum = sum + tonumber(held[j + 1]) end
    end
  end
  if sum > tonumber(ARGV[2 * i]) then return i - 1 end
end
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], worker, ARGV[2 * i - 1])
  redis.call('PEXPIRE', KEYS[i], keep)
end
return 0
""")

# What a worker runs now under a name.
SAY_PLACES = Script("""
if ARGV[2] == '0' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
""")
