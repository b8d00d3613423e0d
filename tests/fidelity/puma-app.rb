# SPDX-License-Identifier: Apache-2.0
# An application on Puma's own server that says what it was given.
#
#     app.rb ADDR PORT
require_relative "on-puma"

app = lambda do |env|
  seen = {
    method: env["REQUEST_METHOD"], uri: env["REQUEST_URI"],
    type: env["CONTENT_TYPE"], length: env["CONTENT_LENGTH"],
    body: text(env["rack.input"].read),
    # HTTP_VERSION is Puma's own, unless a field is called so.
    fields: env.select { |name, _| name.start_with?("HTTP_") }.sort
  }
  log(seen.merge(event: "request"))
  [200, { "Content-Type" => "application/json" },
   [JSON.generate(seen) + "\n"]]
end

serve(app)
