-- SPDX-License-Identifier: Apache-2.0
-- Says only what does not depend on how fast it was.
done = function(summary, latency, requests)
   local e = summary.errors
   io.write(string.format("answers: %s, errors: %d %d %d %d %d\n",
      summary.requests > 0 and "some" or "none",
      e.connect, e.read, e.write, e.status, e.timeout))
end
