# SPDX-License-Identifier: Apache-2.0
# What applications on Puma's own server share.
require "json"
require "puma"
require "puma/server"
require "puma/events"

def log(what)
  $stdout.syswrite(JSON.generate(what) + "\n")
end

def text(bytes)
  bytes.b.force_encoding("ISO-8859-1").encode("UTF-8")
end

# Serves 'app' on the address and port that the program was given.
def serve(app)
  server = Puma::Server.new(app, Puma::Events.strings, { environment: "none" })
  server.min_threads = 1
  server.max_threads = 4
  server.add_tcp_listener(ARGV[0], ARGV[1].to_i)
  thread = server.run
  log(event: "listening")
  thread.join
end
