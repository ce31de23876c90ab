// Walks through the service as readers do, in a real browser and with a real mail server between:
// subscribe, read the letter, confirm, choose, get a digest, leave with one click and by the page,
// see one's data, be forgotten. In French and in English, under a path, and axe looks at each page.
//
//   cargo build && BROWSER_TOOLS=/path/to/node/project node tests/browser/walk.mjs [SHOTS]
//
// SHOTS          a folder for screenshots of every page
// PARUTION       the program (target/debug/parution below CARGO_TARGET_DIR if not set)
// BROWSER_TOOLS  a folder in which `npm install playwright-core axe-core` was said (here if not set)
// CHROMIUM       the browser (/usr/bin/chromium if not set)
//
// Ends with 0 when everything was as it should be, with 1 at the first thing that was not or when
// axe finds a violation, with 2 when it cannot run.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const parution = path.resolve(
  process.env.PARUTION ?? path.join(process.env.CARGO_TARGET_DIR ?? 'target', 'debug', 'parution'));
const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const need = createRequire(path.resolve(process.env.BROWSER_TOOLS ?? '.', 'x.js'));
let chromium, axe;
try {
  ({ chromium } = need('playwright-core'));
  axe = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
} catch {
  cannot('playwright-core and axe-core are not here: set BROWSER_TOOLS');
}
for (const program of [parution, chromiumPath]) {
  if (!existsSync(program)) cannot(`there is no ${program}`);
}
const shots = process.argv[2];
if (shots) mkdirSync(shots, { recursive: true });

function cannot(why) {
  console.error(`cannot walk: ${why}`);
  process.exit(2);
}

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

// Whatever hangs, the walk ends.
setTimeout(() => {
  console.error('the walk took more than ten minutes');
  process.exit(1);
}, 600_000).unref();

// ---- A mail server on loopback -------------------------------------------------------------------

const letters = [];
const mail = net.createServer((socket) => {
  let unread = '', recipient = '', inLetter = false;
  const say = (line) => socket.write(`${line}\r\n`);
  say('220 loopback ESMTP');
  socket.on('error', () => {});
  socket.setEncoding('latin1').on('data', (octets) => {
    unread += octets;
    for (;;) {
      const end = inLetter ? unread.indexOf('\r\n.\r\n') : unread.indexOf('\r\n');
      if (end < 0) return;
      const piece = unread.slice(0, end);
      unread = unread.slice(end + (inLetter ? 5 : 2));
      if (inLetter) {
        letters.push({ to: recipient, raw: piece.replace(/^\.\./gm, '.') });
        inLetter = false;
        say('250 2.0.0 taken');
        continue;
      }
      const verb = piece.slice(0, 4).toUpperCase();
      if (verb === 'EHLO') say('250-loopback\r\n250-PIPELINING\r\n250 8BITMIME');
      else if (verb === 'DATA') { inLetter = true; say('354 go on'); }
      else if (verb === 'QUIT') { say('221 bye'); socket.end(); }
      else {
        if (verb === 'RCPT') recipient = piece.match(/<(.*)>/)[1];
        say('250 ok');
      }
    }
  });
});
await new Promise((ready) => mail.listen(0, '127.0.0.1', ready));

// The newest letter to an address once there are so many; its head unfolded, its texts decoded.
async function letter(to, count) {
  for (let tries = 0; tries < 200; tries += 1) {
    const mine = letters.filter((one) => one.to === to);
    expect(mine.length <= count, `one letter too many to ${to}`);
    if (mine.length === count) {
      const raw = mine.at(-1).raw;
      const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]/g, ' ');
      const octets = raw.replace(/=\r\n/g, '')
        .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
      return { head, text: Buffer.from(octets, 'latin1').toString('utf8') };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${count}. letter to ${to}`);
}

// ---- A site, and its service under a path --------------------------------------------------------

const place = mkdtempSync(path.join(os.tmpdir(), 'parution-walk-'));
const site = path.join(place, 'site');
for (const folder of ['_actualites', '_agenda']) mkdirSync(path.join(site, folder), { recursive: true });
writeFileSync(path.join(site, '_config.yml'), `title: L’Office
url: https://www.example.org
lang: fr
timezone: Europe/Paris
collections:
  actualites: {output: true, title: Actualités, permalink: "/actualites/:title/"}
  agenda: {output: true, title: Agenda, permalink: "/agenda/:title/"}
`);
writeFileSync(path.join(site, 'parution.yml'), `list:
  name: La lettre de l’Office
  from: L’Office <lettre@example.org>
  privacy_url: https://www.example.org/donnees/
smtp:
  url: smtp://127.0.0.1:${mail.address().port}
  tls: none
serve:
  url: https://lettre.example.org/lettre/
  topics: {actualites: Actualités, agenda: Agenda}
  languages: [fr, en]
  monthly: true
  accessibility_url: https://www.example.org/accessibilite/
`);

function publish(folder, name, day) {
  writeFileSync(path.join(site, folder, `${name}.md`),
    `---\ntitle: Un titre sur ${name}\ndate: ${day} 08:00:00\n---\nLe texte sur ${name}.\n`);
}

// A command of the program at a moment of our choice; what it said. The mail server goes on meanwhile.
async function says(now, ...words) {
  const ran = spawn(parution, ['--site', 'site', '--now', now, ...words], { cwd: place });
  let said = '';
  for (const stream of [ran.stdout, ran.stderr]) stream.on('data', (octets) => { said += octets; });
  const code = await new Promise((resolve) => ran.once('close', resolve));
  expect(code === 0, `${words.join(' ')} ends with ${code}: ${said}`);
  return said;
}

let service, origin;
async function serve(now) {
  await stop();
  service = spawn(parution, ['--site', 'site', '--now', now, 'serve', '--listen', '127.0.0.1:0'],
    { cwd: place, stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise((resolve, reject) => {
    let said = '';
    service.stdout.on('data', (octets) => {
      said += octets;
      const found = said.match(/ on (127\.0\.0\.1:\d+)/);
      if (found) resolve(found[1]);
    });
    service.once('exit', (code) => reject(new Error(`the service ends with ${code}`)));
  });
  origin = `http://${address}/lettre/`;
}

// SIGTERM: the service finishes what it began and ends well.
async function stop() {
  if (!service) return;
  const ended = new Promise((resolve) => service.once('exit', resolve));
  service.kill('SIGTERM');
  const code = await ended;
  service = undefined;
  expect(code === 0, `the service ends with ${code}`);
}

// A link as it stands in a letter, and where it leads while the service runs here.
function link(text, page) {
  const found = text.match(new RegExp(`https://lettre\\.example\\.org/lettre/(${page}/[a-z2-7]{32}(\\?lang=[a-z]+)?)`));
  expect(found, `no link to ${page} in: ${text}`);
  return new URL(found[1], origin).href;
}

// ---- The browser ---------------------------------------------------------------------------------

const browser = await chromium.launch({
  executablePath: chromiumPath, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
const VIEWS = [[1000, 'light'], [375, 'light'], [1000, 'dark'], [375, 'dark'], [320, 'dark']];
let looked = 0, violations = 0;

// Scripts are off in the pages, as the policy demands; axe looks at a copy in a page of its own.
async function look(page, name) {
  looked += 1;
  const html = await page.content();
  for (const [width, scheme] of VIEWS) {
    const context = await browser.newContext(
      { viewport: { width, height: 800 }, colorScheme: scheme, bypassCSP: true });
    const copy = await context.newPage();
    const style = await (await context.request.get(new URL('style.css', origin).href)).text();
    await copy.setContent(html.replace(/<link rel="stylesheet"[^>]*>/, `<style>${style}</style>`));
    await copy.evaluate(axe);
    const found = await copy.evaluate(() => axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    for (const violation of found.violations) {
      violations += 1;
      console.log(`${name} ${width} ${scheme}: ${violation.id}: ${violation.help}`);
      for (const node of violation.nodes) console.log(`    ${node.html}`);
    }
    const wide = await copy.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    expect(!wide, `${name} scrolls sideways at ${width}`);
    if (shots && width !== 320) {
      await copy.screenshot({ path: path.join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
    }
    await context.close();
  }
}

async function visit(lang, steps) {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: lang });
  const page = await context.newPage();
  const press = (selector = 'main button') => Promise.all([page.waitForNavigation(), page.click(selector)]);
  await steps(page, press);
  expect((await context.cookies()).length === 0, 'there is a cookie');
  await context.close();
}

async function standing(now, address) {
  const found = await says(now, 'subscribers', 'list', '--matching', address);
  return found.split('\n').find((line) => line.startsWith(address)) ?? '';
}

const MORNING = '2026-11-02T09:00:00Z', FRIDAY = '2026-11-06T09:00:00Z', LATER = '2026-11-06T12:00:00Z',
  EVENING = '2026-11-06T18:00:00Z';
const READERS = { fr: 'francoise@example.net', en: 'eleanor@example.net' };

try {
  publish('_actualites', 'autrefois', '2026-01-05');
  await says(MORNING, 'run');
  await serve(MORNING);

  for (const [lang, address] of Object.entries(READERS)) {
    await visit(lang, async (page, press) => {
      await page.goto(`${origin}?lang=${lang}`);
      expect(await page.getAttribute('html', 'lang') === lang, 'the page is in the other language');
      await look(page, `${lang}-form`);
      const trap = await page.locator('#website').boundingBox();
      expect(!trap || trap.x < 0, 'people see the field that only machines fill in');
      // The keyboard alone reaches the field and the button.
      await page.focus('#email');
      await page.keyboard.type('nobody@nowhere');
      await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
      expect(await page.locator('[role=alert]').count() === 1, 'the wrong address is not named');
      expect(await page.inputValue('#email') === 'nobody@nowhere', 'what was typed is lost');
      await look(page, `${lang}-wrong`);
      await page.fill('#email', address);
      await page.locator('input[value=actualites]').check();
      await press();
      await look(page, `${lang}-sent`);

      const asked = await letter(address, 1);
      expect(!/^List-/im.test(asked.head), 'who has not joined cannot leave');
      expect((await standing(MORNING, address)).includes('pending'), 'nobody has agreed to anything yet');
      await page.goto(link(asked.text, 'confirm'));
      await look(page, `${lang}-confirm`);
      expect((await standing(MORNING, address)).includes('pending'), 'a look confirms');
      await press();
      await look(page, `${lang}-confirmed`);
      expect((await standing(MORNING, address)).includes('confirmed'), 'the button does not confirm');
      await page.goto(link(asked.text, 'confirm'));
      await press();
      await look(page, `${lang}-expired`);

      const welcome = await letter(address, 2);
      await page.goto(link(welcome.text, 'preferences'));
      expect(await page.locator('input[value=actualites]').isChecked(), 'the choice is lost');
      expect(!(await page.content()).includes(address), 'the address is shown whole');
      await look(page, `${lang}-preferences`);
      await page.locator('input[value=agenda]').check();
      await page.locator('input[value=actualites]').uncheck();
      await page.locator(`input[name=language][value=${lang}]`).check();
      await page.locator('input[value=every]').check();
      await press();
      await look(page, `${lang}-saved`);
      const row = await standing(MORNING, address);
      expect(row.includes('agenda') && !row.includes('actualites'), `the new choice is not kept: ${row}`);
    });
  }

  // A digest for each in their language, of what they chose.
  publish('_actualites', 'les chiffres', '2026-11-05');
  publish('_agenda', 'la fête', '2026-11-05');
  await says(FRIDAY, 'run');
  await serve(LATER);
  for (const [lang, address] of Object.entries(READERS)) {
    const digest = await letter(address, 3);
    expect(digest.text.includes('Un titre sur la fête'), 'the chosen article is not in the letter');
    expect(!digest.text.includes('Un titre sur les chiffres'), 'an article is in it that was not chosen');
    expect(digest.text.includes(lang === 'fr' ? 'Se désabonner' : 'Unsubscribe'), 'the letter speaks another language');
    expect(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click$/m.test(digest.head.replace(/\r/g, '')), 'no one click');
    const leave = link(digest.head, 'unsubscribe');
    expect((await fetch(leave)).status === 200, 'a mail scanner opens the link');
    expect((await standing(LATER, address)).includes('confirmed'), 'a look unsubscribes');

    await visit(lang, async (page, press) => {
      // See one's data first: leaving does not close that door, and erasing does.
      await page.goto(leave.replace('unsubscribe', 'preferences') + `?lang=${lang}`);
      await press('form[action*="/data/"] button');
      await look(page, `${lang}-data`);
      const data = await letter(address, 4);
      expect(data.text.includes(address) && data.text.includes('"confirmed"'), 'the data are not in the letter');

      // Mail providers post without cookies and read no page (RFC 8058).
      for (const time of [1, 2]) {
        const clicked = await fetch(leave, {
          method: 'POST', body: 'List-Unsubscribe=One-Click', redirect: 'error',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        });
        expect(clicked.status === 200, `one click, ${time}. time: ${clicked.status}`);
        expect((await standing(LATER, address)).includes('left'), 'one click does not unsubscribe');
      }
      await page.goto(`${leave}?lang=${lang}`);
      await look(page, `${lang}-leave`);
      await press();
      await look(page, `${lang}-left`);
      for (const name of ['archive', 'nowhere']) {
        await page.goto(new URL(`${name}?lang=${lang}`, origin).href);
        await look(page, `${lang}-${name}`);
      }
      await page.goto(new URL('archive/1', origin).href);
      expect((await page.content()).includes('Un titre sur la fête'), 'the archive does not show the digest');
    });
  }
  expect(!(await says('2026-11-06T12:30:00Z', 'run')).includes('sent'), 'letters go out to who has left');

  await serve(EVENING);
  for (const [lang, address] of Object.entries(READERS)) {
    const leave = link((await letter(address, 4)).text + letters.find((one) => one.to === address
      && one.raw.includes('List-Unsubscribe')).raw.replace(/\r\n[ \t]/g, ''), 'unsubscribe');
    await visit(lang, async (page, press) => {
      await page.goto(leave.split('?')[0].replace('unsubscribe', 'preferences') + `?lang=${lang}`);
      await press('form[action*="/forget/"] button');
      await look(page, `${lang}-forget`);
      const asked = await letter(address, 5);
      await page.goto(link(asked.text, 'erase'));
      await look(page, `${lang}-erase`);
      expect((await standing(EVENING, address)).includes('left'), 'a look erases');
      await press();
      await look(page, `${lang}-erased`);
      expect(await standing(EVENING, address) === '', 'the button does not erase');
    });
  }
  writeFileSync(path.join(place, 'old.csv'), `email\n${Object.values(READERS).join('\n')}\n`);
  await says(EVENING, 'subscribers', 'import', 'old.csv', '--consent', 'an old list');
  for (const address of Object.values(READERS)) {
    expect(await standing(EVENING, address) === '', 'an old list brings back who was erased');
  }
  await stop();
} catch (fault) {
  console.error(`the walk ends here: ${fault.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  mail.close();
  service?.kill('SIGKILL');
  rmSync(place, { recursive: true, force: true });
}
console.log(`${looked} pages looked at in ${VIEWS.length} views, ${violations} violations`);
if (violations) process.exitCode = 1;
