// SPDX-License-Identifier: Apache-2.0
// A directory of three entries, as ldapjs's users write them.
//
//     node app.js ADDR PORT

'use strict'

const ldap = require('ldapjs')

const say = what => console.log(JSON.stringify(what))
const entries = {
  'o=example': { objectclass: ['organization'], o: ['example'] },
  'cn=a, o=example': { objectclass: ['person'], cn: ['a'], sn: ['A'] },
  'cn=b, o=example': { objectclass: ['person'], cn: ['b'], sn: ['B'] }
}
const server = ldap.createServer()

server.bind('o=example', (req, res, next) => {
  say({ event: 'bind', dn: req.dn.toString() })
  if (req.credentials !== 'secret') {
    return next(new ldap.InvalidCredentialsError())
  }
  res.end()
  return next()
})

server.search('o=example', (req, res, next) => {
  say({ event: 'search', dn: req.dn.toString(), filter: req.filter.toString() })
  for (const dn of Object.keys(entries)) {
    if (req.filter.matches(entries[dn])) {
      res.send({ dn, attributes: entries[dn] })
    }
  }
  res.end()
  return next()
})

server.add('o=example', (req, res, next) => {
  say({ event: 'add', dn: req.dn.toString() })
  res.end()
  return next()
})

server.server.on('connection', socket => {
  socket.on('close', () => say({ event: 'closed' }))
})
server.listen(Number(process.argv[3]), process.argv[2],
  () => say({ event: 'listening' }))
