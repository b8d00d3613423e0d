// SPDX-License-Identifier: Apache-2.0
// An SMTP server as users of Nodemailer's write it; it says what commands it
// has got.
//
//     node app.js ADDR PORT

'use strict'

const { SMTPServer } = require('smtp-server')

const say = what => console.log(JSON.stringify(what))
const got = argument => say({ event: 'command', argument })
const server = new SMTPServer({
  authOptional: true,
  disableReverseLookup: true,
  allowInsecureAuth: true,
  onAuth (auth, session, callback) {
    callback(new Error('no'))
  },
  onMailFrom (address, session, callback) {
    got(address.address)
    got(session.hostNameAppearsAs)
    callback()
  },
  onRcptTo (address, session, callback) {
    got(address.address)
    callback()
  },
  onData (stream, session, callback) {
    stream.resume()
    stream.on('end', callback)
  }
})

server.on('error', () => {})
server.listen(Number(process.argv[3]), process.argv[2],
  () => say({ event: 'listening' }))
