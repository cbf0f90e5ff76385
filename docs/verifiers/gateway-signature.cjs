// Verifies the gateway's signature at a backend with Node's own crypto (tried with Node 20).
//
//   const { verify } = require("./gateway-signature.cjs");      (or import { verify } from ...)
//   const keys = { WeatherBackendKey: secret };
//   const { ok, reason } = verify(req.method, req.url, req.rawHeaders, body, keys);
//
// Answer 403 and log the reason when `ok` is false.
"use strict";

const crypto = require("crypto");

const FORM = "application/x-www-form-urlencoded";

/**
 * target      path and query as received, not decoded: req.url
 * rawHeaders  [name, value, name, value, ...] as Node has them in req.rawHeaders (req.headers
 *             joins what was given twice)
 * body        a Buffer, as received
 * keys        {name: secret}; old and new key while one is replaced
 * timeHeader  the header that carries CaRequestHandleTime, to refuse what is older than maxAgeS
 */
function verify(method, target, rawHeaders, body, keys, { timeHeader, maxAgeS = 300 } = {}) {
  const fields = new Map();
  const repeated = new Set();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase();
    if (fields.has(name)) repeated.add(name);
    else fields.set(name, rawHeaders[at + 1]);
  }
  const key = fields.get("x-ca-proxy-signature-secret-key") || "";
  const given = fields.get("x-ca-proxy-signature") || fields.get("x-ca-signature");
  const refused = (reason) => ({ ok: false, reason });
  if (!given) return refused("no X-Ca-Proxy-Signature");
  if (!Object.prototype.hasOwnProperty.call(keys, key)) {
    return refused("unknown key " + JSON.stringify(key));
  }
  const listed = (fields.get("x-ca-proxy-signature-headers") || "").split(",").map((n) => n.trim());
  const twice = [...listed, "Content-Type"].find((name) => repeated.has(name.toLowerCase()));
  if (twice !== undefined) return refused(twice + " was received twice"); // the gateway: once
  let text;
  try {
    text = stringToSign(method.toUpperCase(), target, fields, new Set(listed), body);
  } catch (problem) {
    return refused("cannot be read: " + problem.message);
  }
  const computed = crypto.createHmac("sha256", keys[key]).update(text).digest("base64");
  const expected = Buffer.from(computed);
  const received = Buffer.from(given.trim());
  if (received.length !== expected.length || !crypto.timingSafeEqual(received, expected)) {
    return refused("the signature differs");
  }
  if (timeHeader !== undefined) { // leave this out if your API sends no CaRequestHandleTime
    const name = timeHeader.toLowerCase();
    if (!listed.some((one) => one.toLowerCase() === name)) {
      return refused(timeHeader + " is not signed");
    }
    const sent = Date.parse(fields.get(name) || "");
    if (Number.isNaN(sent)) return refused(timeHeader + " is no time");
    if (Math.abs(Date.now() - sent) > maxAgeS * 1000) return refused(timeHeader + " is too old");
  }
  return { ok: true, reason: "ok" };
}

/** METHOD LF Content-MD5 LF name:value LF ... path?k=v&..., as a Buffer. */
function stringToSign(method, target, fields, listed, body) {
  const contentType = (fields.get("content-type") || "").toLowerCase();
  const isForm = contentType.includes(FORM);
  let md5 = "";
  if ((method === "POST" || method === "PUT") && body.length && !isForm) {
    md5 = crypto.createHash("md5").update(body).digest("base64");
  }
  const pieces = [method, "\n", md5, "\n"];
  for (const name of [...listed].sort()) { // sorted as spelled, then lower-cased
    const value = fields.get(name.toLowerCase());
    if (value === undefined) continue; // a listed header that is missing is skipped
    pieces.push(name.toLowerCase(), ":", bytes(value), "\n");
  }

  if (/[^\x21-\x7e]/.test(target)) throw new Error("the target is not as it was received");
  const mark = target.indexOf("?");
  pieces.push(mark < 0 ? target : target.slice(0, mark));
  const charset = /charset\s*=\s*["']?([\w:.-]+)/.exec(contentType);
  const values = new Map(); // the first value of a name counts; "k" and "k=" are the same
  addValues(values, mark < 0 ? "" : target.slice(mark + 1), "utf-8");
  if (isForm) addValues(values, body.toString("latin1"), charset ? charset[1] : "utf-8");
  const items = [...values.keys()].sort().map((name) => name + "=" + values.get(name));
  if (items.length) pieces.push("?", items.join("&"));
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

function addValues(values, items, charset) {
  const decoder = new TextDecoder(charset, { ignoreBOM: true });
  const decoded = (raw) => decoder.decode(bytes(raw.replace(/\+/g, " ").replace(
    /%([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(parseInt(code, 16)))));
  for (const item of items.split("&")) {
    const [, name, value] = /^([^=]*)=?([^]*)$/.exec(item);
    if (name && !values.has(decoded(name))) values.set(decoded(name), decoded(value));
  }
}

/** The bytes of text that was read as ISO-8859-1, as Node does with headers. */
function bytes(text) {
  if (/[^\x00-\xff]/.test(text)) throw new Error("a header was not read as ISO-8859-1");
  return Buffer.from(text, "latin1");
}

module.exports = { verify };
