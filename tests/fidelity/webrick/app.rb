# SPDX-License-Identifier: Apache-2.0
# A server on WEBrick that says which requests it got.
#
#     app.rb ADDR PORT
require "json"
require "webrick"

def log(what)
  $stdout.syswrite(JSON.generate(what) + "\n")
end

class Server < WEBrick::HTTPServer
  def service(request, response)
    url = request.unparsed_uri.b.force_encoding("ISO-8859-1").encode("UTF-8")
    log(event: "request", url: url)
    request.body
    response["Content-Length"] = "3"
    response.body = "ok\n"
  end
end

server = Server.new(BindAddress: ARGV[0], Port: ARGV[1].to_i, AccessLog: [],
                    DoNotReverseLookup: true, RequestTimeout: 20,
                    Logger: WEBrick::Log.new(File::NULL))
log(event: "listening")
server.start
