//! How fast letters leave, and in how much memory: the program itself, with its durable ledger,
//! against a server on loopback that only counts.
//!
//! `cargo bench --bench delivery -- READERS CONNECTIONS ROUND-TRIP-MS IMAGES`; a page of figures
//! without arguments. On a busy machine the times mean nothing, the memory does.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    println!("readers connections round-trip images  letters/s  seconds  CPU-seconds  peak-MB");
    match numbers[..] {
        [readers, connections, round_trip, images] => measure(readers, connections, round_trip, images),
        _ => {
            for (readers, connections, round_trip, images) in
                [(1_000, 10, 0, 3), (20_000, 10, 0, 3), (200, 1, 20, 0), (5_000, 50, 20, 0)]
            {
                measure(readers, connections, round_trip, images);
            }
        }
    }
}

/// One list, one digest of three articles, one line of figures.
fn measure(readers: usize, connections: usize, round_trip: usize, images: usize) {
    let folder = tempfile::tempdir().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let port = serve(Duration::from_millis(round_trip as u64), &taken);
    site(folder.path(), port, connections, images);
    let list: String = (0..readers).map(|i| format!("r{i}@example.net\n")).collect();
    fs::write(folder.path().join("list.csv"), format!("email\n{list}")).unwrap();
    let parution = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parution"));
        command.current_dir(folder.path()).args(["--site", "site"]).args(arguments).stdout(Stdio::null());
        command
    };
    let consent = ["subscribers", "import", "list.csv", "--consent", "bench"];
    assert!(parution(&consent).status().unwrap().success());

    let begun = Instant::now();
    let mut run = parution(&["run", "--yes"]).spawn().unwrap();
    let status = format!("/proc/{}/status", run.id());
    let stat = format!("/proc/{}/stat", run.id());
    let (mut peak, mut ticks) = (0, 0);
    let (mut from, mut until) = (None, begun);
    while run.try_wait().unwrap().is_none() {
        peak = field(&status, "VmHWM:").unwrap_or(peak);
        ticks = processor_ticks(&stat).unwrap_or(ticks);
        if taken.load(Ordering::Relaxed) > 0 {
            from.get_or_insert_with(Instant::now);
            if taken.load(Ordering::Relaxed) < readers {
                until = Instant::now();
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    let sent = taken.load(Ordering::Relaxed);
    assert_eq!(sent, readers, "everyone, once");
    let sending = until.duration_since(from.unwrap_or(begun)).as_secs_f64().max(0.001);
    println!(
        "{readers:>7} {connections:>11} {round_trip:>7} ms {images:>6} {:>10.0} {:>8.1} {:>12.2} {:>8.1}",
        sent as f64 / sending,
        begun.elapsed().as_secs_f64(),
        ticks as f64 / 100.0,
        peak as f64 / 1024.0
    );
}

/// The number behind a name in a file of `/proc`.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// Time in user and kernel mode, in hundredths of a second.
fn processor_ticks(path: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn site(folder: &Path, port: u16, connections: usize, images: usize) {
    let write = |name: &str, octets: &[u8]| {
        let path = folder.join("site").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    };
    write("_config.yml", b"title: Essai\nurl: https://www.example.org\nlang: fr\n");
    for number in 1..=3 {
        let mut front = format!("title: Nouvelle {number}\ndate: 2026-01-0{number} 08:00:00 +0100\n");
        if number <= images {
            front.push_str(&format!("image: /uploads/{number}.png\n"));
            write(&format!("uploads/{number}.png"), &picture(number));
        }
        let body = "Un paragraphe qui dit quelque chose. ".repeat(20);
        write(
            &format!("_posts/2026-01-0{number}-nouvelle.md"),
            format!("---\n{front}---\n{body}\n").as_bytes(),
        );
    }
    let settings = format!(
        "first_run: all\n\
         list: {{name: Essai, from: \"Essai <lettre@example.org>\", postal_address: \"1 rue de l’Essai\"}}\n\
         smtp: {{url: \"smtp://127.0.0.1:{port}\", connections: {connections}}}\n"
    );
    write("parution.yml", settings.as_bytes());
}

/// A picture that does not compress away.
fn picture(seed: usize) -> Vec<u8> {
    let mut state = seed as u32 + 1;
    let image = image::RgbImage::from_fn(1200, 630, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 28) as u8;
        image::Rgb([(x / 5) as u8 ^ noise, (y / 3) as u8, noise * 8])
    });
    let mut octets = io::Cursor::new(Vec::new());
    image.write_to(&mut octets, image::ImageFormat::Png).unwrap();
    octets.into_inner()
}

/// Agrees with everything, and counts letters; each answer comes after a round trip.
fn serve(round_trip: Duration, taken: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::clone(taken);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let taken = Arc::clone(&taken);
            thread::spawn(move || converse(&stream, round_trip, &taken));
        }
    });
    port
}

fn converse(mut stream: &TcpStream, round_trip: Duration, taken: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(64 * 1024, stream);
    stream.write_all(b"220 mail.example.org ESMTP\r\n")?;
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            b"EHLO" => b"250-mail.example.org\r\n250-PIPELINING\r\n250 SIZE 20000000\r\n",
            b"DATA" => b"354 go on\r\n",
            b"QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => b"250 fine\r\n",
        };
        answers.extend_from_slice(answer);
        // Commands that came together are answered together.
        if !input.buffer().is_empty() {
            continue;
        }
        let letter_follows = line.starts_with(b"DATA");
        thread::sleep(round_trip);
        stream.write_all(&answers)?;
        answers.clear();
        if letter_follows {
            while line != b".\r\n" {
                line.clear();
                if input.read_until(b'\n', &mut line)? == 0 {
                    return Ok(());
                }
            }
            thread::sleep(round_trip);
            taken.fetch_add(1, Ordering::Relaxed);
            stream.write_all(b"250 2.0.0 taken\r\n")?;
        }
    }
}
