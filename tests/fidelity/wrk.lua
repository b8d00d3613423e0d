-- SPDX-License-Identifier: Apache-2.0
-- Says only what does not depend on how fast it was.
done = function(summary, latency, requests)
   local e = summary.errors
   -- Where a server closes behind each answer, that counts as one of reading.
   io.write(string.format("answers: %s, errors: %d %s %d %d %d\n",
      summary.requests > 0 and "some" or "none",
      e.connect, e.read > 0 and "some" or "none", e.write, e.status,
      e.timeout))
end
