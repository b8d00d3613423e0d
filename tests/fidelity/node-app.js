/* A plain server for the pairs whose flaw is in Node.js itself: says what it
 * saw, to the client in the answer and to the test in a line of JSON.
 *
 *     /early...   answers before it has read the body
 *     /slow...    answers 100 ms after the body
 *     others      answer at the body's end
 *
 * No 'clientError' listener: the answer to a bad request is Node's own. */
'use strict';
const http = require('http');
const [addr, port] = process.argv.slice(2);

function log(what) {
  require('fs').writeSync(1, JSON.stringify(what) + '\n');
}

const server = http.createServer((req, res) => {
  const seen = {
    method: req.method, url: req.url, version: req.httpVersion,
    headers: req.rawHeaders
  };
  let body = '';
  const answer = () => {
    const text = JSON.stringify(Object.assign({}, seen, { body })) + '\n';
    res.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text)
    });
    res.end(text);
  };

  log(Object.assign({ event: 'request' }, seen));
  req.setEncoding('latin1');
  req.on('data', (data) => { body += data; });
  /* Of a client that is gone behind the whole request it says so now and then,
   * as the answer's last write and the client's FIN come together. */
  req.on('aborted', () => {
    if (!req.complete) {
      log({ event: 'aborted', url: req.url, body });
    }
  });
  req.on('end', () => {
    log({ event: 'body', url: req.url, body, trailers: req.rawTrailers });
    if (req.url.startsWith('/slow')) {
      setTimeout(answer, 100);
    } else if (!req.url.startsWith('/early')) {
      answer();
    }
  });
  if (req.url.startsWith('/early')) {
    answer();
  }
});

server.listen({ host: addr, port: +port }, () => log({ event: 'listening' }));
