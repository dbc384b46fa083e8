-- Posts one body again and again, with a key of its own in each request if the body has a mark for it,
-- and prints what came of it as one line of JSON. Its settings are in the environment.
local file = assert(io.open(os.getenv('BENCH_BODY'), 'r'))
local body = file:read('*a')
file:close()
local mark = '@key@'
local run = os.getenv('BENCH_RUN')

wrk.method = 'POST'
wrk.body = body
wrk.headers['Content-Type'] = 'application/json'
wrk.headers['Authorization'] = 'Bearer ' .. os.getenv('BENCH_TOKEN')

local from, to = body:find(mark, 1, true)
if from then
  local before, after = body:sub(1, from - 1), body:sub(to + 1)
  local number = 0
  request = function()
    number = number + 1
    return wrk.format(nil, nil, nil, before .. run .. '-' .. number .. after)
  end
end

done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    'measured {"requests": %d, "micros": %d, "bytes": %d, "refused": %d, "broken": %d, "late": %d,'
      .. ' "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, summary.bytes, failed.status,
    failed.connect + failed.read + failed.write, failed.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
