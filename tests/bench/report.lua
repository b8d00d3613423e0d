-- SPDX-License-Identifier: Apache-2.0
--
-- For wrk: its results as a line that a program reads.

done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    "result requests=%d us=%d p50=%d p99=%d failed=%d",
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
