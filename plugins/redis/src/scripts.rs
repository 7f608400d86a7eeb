//! The Lua scripts: each one is one atomic step on the server.
//!
//! Versions and tokens have sixteen digits. Lua's own conversion of numbers to text rounds them, so numbers only
//! travel as arguments of `redis.call`, as keys and arguments of the script, and as integer replies. They stay exact
//! until two to the power of 53 microseconds, which is in the year 2255.

use redis::Script;

/// Sets `minted` to a number above all before it, at least the server's time in microseconds.
///
/// The counter alone would start again when the server lost its memory, the clock alone may stand still.
const MINT: &str = "
local time = redis.call('TIME')
local minted = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = redis.call('GET', fence)
if last and tonumber(last) >= minted then minted = tonumber(last) + 1 end
redis.call('SET', fence, minted)
";

/// Notes when an entry expires, lets the index live as long as its longest entry, and forgets a few that have expired.
const KEEP_INDEX: &str = "
local function outlive(key, ttl)
  local left = redis.call('PTTL', key)
  if left >= 0 and left < ttl then redis.call('PEXPIRE', key, ttl) end
end
local function forget_expired(index, expiries, now)
  local names = redis.call('ZRANGEBYSCORE', expiries, '-inf', now - 1000, 'LIMIT', 0, 16)
  for _, name in ipairs(names) do
    redis.call('ZREM', index, name)
    redis.call('ZREM', expiries, name)
  end
end
local function note_expiry(index, expiries, name, now, ttl)
  local fresh = redis.call('EXISTS', expiries) == 0
  redis.call('ZADD', expiries, now + ttl, name)
  if fresh then redis.call('PEXPIRE', expiries, ttl + 1000) else outlive(expiries, ttl + 1000) end
  outlive(index, ttl + 1000)
end
";

const PUT: &str = "
local entry, fence, index, expiries = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local expect, ttl, value, name, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local there = redis.call('HGET', entry, 'v')
if expect == '-' then
  if there then return -1 end
elseif expect ~= '*' and there ~= expect then
  return -1
end
--MINT--
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', entry, 'v', minted, 'd', value)
forget_expired(index, expiries, now)
local fresh = redis.call('EXISTS', index) == 0
redis.call('ZADD', index, 0, name)
if ttl == '-' then
  redis.call('PERSIST', entry)
  redis.call('PERSIST', index)
  redis.call('ZREM', expiries, name)
else
  ttl = tonumber(ttl)
  redis.call('PEXPIRE', entry, ttl)
  if fresh then redis.call('PEXPIRE', index, ttl + 1000) end
  note_expiry(index, expiries, name, now, ttl)
end
redis.pcall('PUBLISH', channel, '')
return minted
";

const DELETE: &str = "
local entry, index, expiries = KEYS[1], KEYS[2], KEYS[3]
local expect, name, channel = ARGV[1], ARGV[2], ARGV[3]
local there = redis.call('HGET', entry, 'v')
if expect ~= '*' and there ~= expect then return -1 end
if there then
  redis.call('DEL', entry)
  redis.call('ZREM', index, name)
  redis.call('ZREM', expiries, name)
  redis.pcall('PUBLISH', channel, '')
end
return 0
";

const TOUCH: &str = "
local entry, index, expiries = KEYS[1], KEYS[2], KEYS[3]
local expect, ttl, name = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('HGET', entry, 'v') ~= expect then return -1 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('PEXPIRE', entry, ttl)
note_expiry(index, expiries, name, now, ttl)
return 0
";

const LIST: &str = "
local index, expiries, fence = KEYS[1], KEYS[2], KEYS[3]
local entries, first, last = ARGV[1], ARGV[2], ARGV[3]
local limit, since, room = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local names = redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, limit + 1)
local found, more, place = {}, 0, ''
for number, name in ipairs(names) do
  if number > limit or room <= 0 then more = 1 break end
  place = name
  local version = redis.call('HGET', entries .. name, 'v')
  if version then
    local value = false
    if tonumber(version) > since then
      value = redis.call('HGET', entries .. name, 'd')
      room = room - #value
    end
    room = room - #name
    found[#found + 1] = name
    found[#found + 1] = version
    found[#found + 1] = value
  else
    redis.call('ZREM', index, name)
    redis.call('ZREM', expiries, name)
  end
end
return {redis.call('GET', fence) or '0', more, place, found}
";

const ACQUIRE: &str = "
local lease, fence = KEYS[1], KEYS[2]
local holder, nonce, ttl = ARGV[1], ARGV[2], ARGV[3]
local there = redis.call('HMGET', lease, 't', 'n', 'h')
if there[1] then
  if there[2] == nonce and there[3] == holder then return there[1] end
  return false
end
--MINT--
redis.call('HSET', lease, 't', minted, 'n', nonce, 'h', holder)
redis.call('PEXPIRE', lease, ttl)
return minted
";

const RENEW: &str = "
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

const RELEASE: &str = "
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
";

/// A script under its hash, and its text for a server that does not know the hash yet.
pub(crate) struct Prepared {
    pub(crate) hash: String,
    pub(crate) text: String,
}

impl Prepared {
    fn new(parts: &[&str]) -> Self {
        let text = parts.concat().replace("--MINT--", MINT);
        Self {
            hash: Script::new(&text).get_hash().to_owned(),
            text,
        }
    }
}

pub(crate) struct Scripts {
    pub(crate) put: Prepared,
    pub(crate) delete: Prepared,
    pub(crate) touch: Prepared,
    pub(crate) list: Prepared,
    pub(crate) acquire: Prepared,
    pub(crate) renew: Prepared,
    pub(crate) release: Prepared,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            put: Prepared::new(&[KEEP_INDEX, PUT]),
            delete: Prepared::new(&[DELETE]),
            touch: Prepared::new(&[KEEP_INDEX, TOUCH]),
            list: Prepared::new(&[LIST]),
            acquire: Prepared::new(&[ACQUIRE]),
            renew: Prepared::new(&[RENEW]),
            release: Prepared::new(&[RELEASE]),
        }
    }
}
