# SPDX-License-Identifier: Apache-2.0
# An application on Puma's own server that says what it was given.
#
#     app.rb ADDR PORT
require "json"
require "puma"
require "puma/server"
require "puma/events"

def log(what)
  $stdout.syswrite(JSON.generate(what) + "\n")
end

app = lambda do |env|
  seen = {
    method: env["REQUEST_METHOD"], uri: env["REQUEST_URI"],
    type: env["CONTENT_TYPE"], length: env["CONTENT_LENGTH"],
    body: env["rack.input"].read.b.force_encoding("ISO-8859-1").encode("UTF-8"),
    # HTTP_VERSION is Puma's own, unless a field is called so.
    fields: env.select { |name, _| name.start_with?("HTTP_") }.sort
  }
  log(seen.merge(event: "request"))
  [200, { "Content-Type" => "application/json" },
   [JSON.generate(seen) + "\n"]]
end

server = Puma::Server.new(app, Puma::Events.strings, { environment: "none" })
server.min_threads = 1
server.max_threads = 4
server.add_tcp_listener(ARGV[0], ARGV[1].to_i)
thread = server.run
log(event: "listening")
thread.join
