// An endpoint of hooks. It verifies what it is sent with the official libraries, prints a
// line of JSON for each request, and answers as the last line of its input says.
import http from "node:http";
import readline from "node:readline";
import OpenAI from "openai";
import { Webhook } from "standardwebhooks";

const client = new OpenAI({ apiKey: "any" });
let secret = "", mode = "ok";

const accepts = {
  "openai unwrap": (body, headers) => client.webhooks.unwrap(body, headers, secret),
  "openai verifySignature": (body, headers) => client.webhooks.verifySignature(body, headers, secret),
  standardwebhooks: async (body, headers) => new Webhook(secret).verify(body, headers),
};

// verify returns what is wrong: a library that refuses what came, or takes what did not.
async function verify(body, headers) {
  for (const [name, check] of Object.entries(accepts)) {
    try {
      await check(body, headers);
    } catch (e) {
      return `${name} refuses it: ${e}`;
    }
    const others = [[body + " ", headers], [body, { ...headers, "webhook-id": "evt_other" }],
      [body, { ...headers, "webhook-timestamp": String(headers["webhook-timestamp"] - 1) }]];
    for (const [b, h] of others) {
      const taken = await check(b, h).then(() => true, () => false);
      if (taken) return `${name} takes what was not sent`;
    }
  }
}

const server = http.createServer(async (req, res) => {
  let body = "";
  for await (const chunk of req.setEncoding("utf8")) body += chunk;
  const wrong = await verify(body, req.headers);
  console.log(JSON.stringify({ id: req.headers["webhook-id"], mode, wrong, path: req.url, event: JSON.parse(body) }));
  switch (mode) {
    case "ok": res.writeHead(200).end("thank you"); break;
    case "slow": setTimeout(() => res.writeHead(204).end(), 2000); break;
    case "redirect": res.writeHead(302, { location: "/elsewhere" }).end(); break;
    case "hang": break;
    default: res.writeHead(Number(mode)).end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [name, value] = line.split(" ");
  if (name === "secret") secret = value;
  else mode = name;
  console.log(JSON.stringify({ done: line }));
}).on("close", () => process.exit());
