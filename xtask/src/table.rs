//! A second DynamoDB, for as long as the tests on it run: ministack, in a process of its own on a port
//! that nobody else uses.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// It takes a second to start; a busy machine takes longer, one that hangs should be named.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Between two looks.
const START_POLL: Duration = Duration::from_millis(100);

/// The server; it ends when this is dropped.
pub struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts ministack from the folder `programs` and waits until it answers.
    pub fn start(programs: &Path) -> Result<Self> {
        let address = free_address()?;
        let url = format!("http://{address}");
        let log = programs.join("../ministack.log");
        let output =
            File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
        // Whatever it finds in its environment it would hand on to what it starts.
        let child = Command::new(programs.join("ministack"))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(std::env::var_os("HOME").map(|home| ("HOME", home)))
            .env("BIND_HOST", address.ip().to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            .env("AWS_ENDPOINT_URL", &url)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("could not start ministack from {}", programs.display()))?;
        let mut server = Self { child, url };
        server
            .wait_until_it_answers(address)
            .with_context(|| format!("ministack did not start, and {} says why", log.display()))?;
        println!("ministack answers at {}", server.url);
        Ok(server)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn wait_until_it_answers(&mut self, address: SocketAddr) -> Result<()> {
        let start = Instant::now();
        while !is_healthy(address) {
            if let Some(status) = self.child.try_wait()? {
                bail!("ministack ended while it was starting: {status}");
            }
            if START_TIMEOUT < start.elapsed() {
                bail!("ministack gave no answer at {address} within {} s", START_TIMEOUT.as_secs());
            }
            thread::sleep(START_POLL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, START_POLL)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(String::from_utf8_lossy(&status).into_owned())
    };
    ask().is_ok_and(|status| status.ends_with(" 200"))
}
