// SPDX-License-Identifier: Apache-2.0
/* Ordinary sessions of Node.js's clients; says what came back.
 *
 *     session.js http HOST PORT keep|close FORM|- PATH...
 *     session.js smtp HOST PORT
 *     session.js ftp HOST PORT USER PASSWORD
 *     session.js ldap HOST PORT BASE BIND PASSWORD FILTER */
'use strict';

const say = (...what) => console.log(JSON.stringify(what));

async function httpSession(host, port, keep, form, ...paths) {
  const http = require('http');
  const agent = new http.Agent({ keepAlive: keep === 'keep', maxSockets: 1 });

  function ask(options, body) {
    return new Promise((resolve, reject) => {
      const req = http.request(Object.assign({ host, port, agent }, options, {
        headers: Object.assign({ Host: 'server.test' }, options.headers)
      }), (res) => {
        let text = '';

        res.setEncoding('latin1');
        res.on('data', (data) => { text += data; });
        res.on('end', () => {
          delete res.headers.date;
          say(res.statusCode, res.headers, text);
          resolve();
        });
      });

      req.on('error', reject);
      for (const part of body || []) {
        req.write(part);
      }
      req.end();
    });
  }

  for (const path of paths.concat(paths)) {
    await ask({ path });
  }
  if (form !== '-') {
    const type = 'application/x-www-form-urlencoded';

    await ask({ path: form, method: 'POST', headers: {
      'Content-Type': type, 'Content-Length': 7 } }, ['a=1&b=2']);
    await ask({ path: form, method: 'PUT', headers: {
      'Content-Type': type } }, ['a=1', '&b[c]=2', '&d=' + 'x'.repeat(20000)]);
  }
  agent.destroy();
}

async function smtpSession(host, port) {
  const transport = require('nodemailer').createTransport({
    host, port: +port, name: 'client.test', ignoreTLS: true, pool: true,
    maxConnections: 1
  });

  for (const text of ['hello\n.\n..\n.b', 'x'.repeat(3000) + '\n\u20ac\n']) {
    const sent = await transport.sendMail({
      from: 'a@a.test', to: 'b@b.test', subject: 'c', text,
      messageId: '<1@a.test>', date: new Date(0)
    });

    say(sent.accepted, sent.rejected, sent.response);
  }
  transport.close();
}

async function ftpSession(host, port, user, password) {
  const ftp = new (require('basic-ftp').Client)(30000);
  const { Writable } = require('stream');
  const get = async (name) => {
    let text = '';

    await ftp.downloadTo(new Writable({
      write(data, encoding, next) { text += data; next(); }
    }), name);
    say(name, text);
  };

  await ftp.access({ host, port: +port, user, password });
  say((await ftp.list()).map((file) => [file.name, file.size]).sort());
  await get('a.txt');
  await ftp.cd('b');
  await get('c.txt');
  say(await ftp.pwd(), await ftp.size('c.txt'));
  ftp.close();
}

async function ldapSession(host, port, base, bind, password, filter) {
  // ldapjs leaves the brackets of a URL around an IPv6 address.
  const net = require('net');
  const connect = net.connect;

  net.connect = (number, name) => connect(number, name.replace(/[[\]]/g, ''));
  const at = host.includes(':') ? `[${host}]` : host;
  const client = require('ldapjs').createClient({
    url: `ldap://${at}:${port}`
  });
  const call = (name, ...args) => new Promise((resolve, reject) =>
    client[name](...args, (e, got) => e ? reject(e) : resolve(got)));

  await call('bind', bind, password);
  for (const scope of ['base', 'sub']) {
    const found = await call('search', base, { scope,
      filter: `(&(${filter})(!(mail=nobody*)))` });

    await new Promise((resolve) => {
      found.on('searchEntry', (e) => say(String(e.objectName)));
      found.on('error', (e) => { say(e.name); resolve(); });
      found.on('end', (end) => { say(end.status); resolve(); });
    });
  }
  await call('unbind');
}

const [kind, ...words] = process.argv.slice(2);

({ http: httpSession, smtp: smtpSession, ftp: ftpSession,
   ldap: ldapSession })[kind](...words).catch((e) => {
  say('error', e.code || '', e.message);
  process.exitCode = 1;
});
