//! Argon2id on threads of its own, so that log-ins never starve the rest (S16).
//!
//! As many as the machine has cores, without one, and each gives way to whatever else wants its core. A thread keeps the memory that it hashes
//! in for as long as there is work: fresh pages for each password cost about as much as a pass over them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::telemetry::{self, Shed};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::domain::password::Password;

/// Memory in KiB, passes and lanes: OWASP's first choice (S16). About 30 ms of a core.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt.
const SALT: usize = 16;
/// Bytes of a hash.
const OUTPUT: usize = Params::DEFAULT_OUTPUT_LEN;
/// Turns at once: at 30 a second and core about two seconds of work on one core; more is shed.
const TURNS: usize = 64;
/// When one who was turned away should come again.
const AGAIN: Duration = Duration::from_secs(2);
/// A thread without work gives its memory back after this.
const IDLE: Duration = Duration::from_secs(2);
/// How far below the service's other threads: under contention a thread gets about a tenth of a core, on an idle machine all of it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Work for a thread.
type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Hashes and checks passwords. Cheap to clone; clones share the threads, which end with the last of them.
#[derive(Clone)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    jobs: Sender<Job>,
    shed: Shed,
    /// Checked for accounts that do not exist, so that these take as long (S04).
    decoy: Arc<str>,
}

/// One of those that wait or are hashed; somebody else's when it is dropped.
#[must_use]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// What checking a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is another one, or there is none.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and its hash is weaker than what is made today.
    RightButOld,
}

impl Hasher {
    /// Starts as many threads as the machine has cores, without one that the rest of the service keeps.
    ///
    /// # Errors
    /// `Internal` when the system has no thread left.
    pub fn new() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new(TURNS));
        let (jobs, waiting) = crossbeam_channel::bounded(TURNS);
        for _ in 0..(cores - 1).max(1) {
            let waiting = waiting.clone();
            std::thread::Builder::new().name("hasher".to_owned()).spawn(move || serve(&waiting)).map_err(Error::internal)?;
        }
        let free = turns.clone();
        telemetry::mailbox("hasher", TURNS, move || TURNS.saturating_sub(free.available_permits()));
        let nobodys = Output::new(&[7; OUTPUT]).map_err(Error::internal)?;
        let decoy = phc(&strong()?, &[7; SALT], nobodys)?;
        Ok(Self { turns, jobs, shed: Shed::at("hasher"), decoy: decoy.into() })
    }

    /// A turn for [`Self::check`], to be taken before anything else is done for a password: who is turned away has cost nothing.
    ///
    /// # Errors
    /// `Overloaded` when too many wait.
    pub fn turn(&self) -> Result<Turn, Error> {
        let permit = self.turns.clone().try_acquire_owned().map_err(|_| self.overloaded())?;
        Ok(Turn { _permit: permit })
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// `Overloaded` when too many wait; `Deadline`.
    pub async fn hash(&self, password: &Password, salt: [u8; SALT], deadline: Deadline) -> Result<String, Error> {
        let (turn, password) = (self.turn()?, password.clone());
        self.work(turn, deadline, move |memory| hash(password.expose(), &salt, memory)).await?
    }

    /// Checks a password against a stored hash. Without one the work is the same and the answer is `Wrong`.
    ///
    /// # Errors
    /// `Deadline`; `Internal` for a stored hash that can't be read.
    pub async fn check(&self, turn: Turn, password: &Password, stored: Option<&str>, deadline: Deadline) -> Result<Checked, Error> {
        let exists = stored.is_some();
        let (password, stored) = (password.clone(), stored.unwrap_or(&self.decoy).to_owned());
        let checked = self.work(turn, deadline, move |memory| check(password.expose(), &stored, memory)).await??;
        Ok(if exists { checked } else { Checked::Wrong })
    }

    async fn work<T: Send + 'static>(
        &self,
        turn: Turn,
        deadline: Deadline,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |memory: &mut Memory| {
            // Nobody waits for it any more.
            if answer.is_closed() {
                return;
            }
            let done = deadline.remaining().map(|_| work(memory));
            drop(turn);
            let _ = answer.send(done);
        });
        self.jobs.try_send(job).map_err(|_| self.overloaded())?;
        deadline.bound(answered).await?.map_err(|_| Error::internal("a password could not be hashed"))?
    }

    fn overloaded(&self) -> Error {
        self.shed.count();
        Error::Overloaded { retry_after: AGAIN }
    }
}

/// A thread's life.
fn serve(jobs: &Receiver<Job>) {
    give_way();
    let mut memory = Memory::default();
    loop {
        let job = match jobs.recv_timeout(IDLE) {
            Ok(job) => Ok(job),
            Err(RecvTimeoutError::Timeout) => {
                memory.release();
                jobs.recv().map_err(drop)
            }
            Err(RecvTimeoutError::Disconnected) => Err(()),
        };
        let Ok(job) = job else { return };
        // A defect costs one caller the answer, not all the thread.
        if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
            memory.release();
        }
    }
}

/// Lets whatever else this machine does come first. Only Linux has a priority of one thread that is set like this.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "passwords are hashed with the priority of everything else");
    }
}

/// What a thread hashes in.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    /// Runs Argon2.
    fn run(&mut self, argon2: &Argon2<'_>, password: &str, salt: &[u8], length: usize) -> Result<Output, Error> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0 = vec![Block::new(); blocks];
        }
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = buffer.get_mut(..length).ok_or_else(|| Error::internal("a password hash is too long"))?;
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, self.0.as_mut_slice()).map_err(Error::internal)?;
        Output::new(output).map_err(Error::internal)
    }

    /// Gives the memory back, without what was made of passwords.
    fn release(&mut self) {
        self.0.fill(Block::new());
        std::hint::black_box(&self.0);
        self.0 = Vec::new();
    }
}

/// What new passwords are hashed with.
fn strong() -> Result<Params, Error> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT)).map_err(Error::internal)
}

fn hash(password: &str, salt: &[u8], memory: &mut Memory) -> Result<String, Error> {
    let params = strong()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let output = memory.run(&argon2, password, salt, OUTPUT)?;
    phc(&params, salt, output)
}

/// The text that is stored.
fn phc(params: &Params, salt: &[u8], output: Output) -> Result<String, Error> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(Error::internal)?,
        salt: Some(Salt::new(salt).map_err(Error::internal)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Hashes with the parameters that the stored hash was made with, and compares in constant time.
fn check(password: &str, stored: &str, memory: &mut Memory) -> Result<Checked, Error> {
    let unreadable = || Error::internal("a stored password hash is unreadable");
    let parsed = PasswordHash::new(stored).map_err(|_| unreadable())?;
    let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else { return Err(unreadable()) };
    let algorithm = Algorithm::new(parsed.algorithm.as_str()).map_err(|_| unreadable())?;
    let version = parsed.version.map(Version::try_from).transpose().map_err(|_| unreadable())?.unwrap_or_default();
    let params = Params::try_from(&parsed).map_err(|_| unreadable())?;
    let strong = algorithm == Algorithm::Argon2id && params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES;
    let output = memory.run(&Argon2::new(algorithm, version, params), password, salt, expected.len())?;
    Ok(match (output == *expected, strong) {
        (false, _) => Checked::Wrong,
        (true, true) => Checked::Right,
        (true, false) => Checked::RightButOld,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    fn password(text: &str) -> Password {
        Password::presented(text).unwrap()
    }

    async fn check(hasher: &Hasher, text: &str, stored: Option<&str>) -> Checked {
        hasher.check(hasher.turn().unwrap(), &password(text), stored, Deadline::default()).await.unwrap()
    }

    /// Keeps a thread busy until the sender is dropped.
    fn held(hasher: &Hasher) -> std::sync::mpsc::Sender<()> {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let job: Job = Box::new(move |_: &mut Memory| {
            let _ = held.recv();
        });
        assert!(hasher.jobs.try_send(job).is_ok());
        hold
    }

    fn defect(_: &mut Memory) -> u8 {
        panic!("a defect");
    }

    #[tokio::test]
    async fn a_password_is_checked_against_its_hash_and_never_readable_from_it() {
        let hasher = Hasher::new().unwrap();
        let stored = hasher.hash(&password("quietly seven geese"), [3; 16], Deadline::default()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(!stored.contains("geese"));
        assert_eq!(check(&hasher, "quietly seven geese", Some(&stored)).await, Checked::Right);
        assert_eq!(check(&hasher, "quietly seven Geese", Some(&stored)).await, Checked::Wrong);
        assert_eq!(check(&hasher, "no password has this hash", None).await, Checked::Wrong);
    }

    #[tokio::test]
    async fn a_weaker_hash_is_told_so_that_it_is_renewed() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let stored = weak.hash_password_with_salt(b"quietly seven geese", &[1; 16]).unwrap().to_string();
        let hasher = Hasher::new().unwrap();
        assert_eq!(check(&hasher, "quietly seven geese", Some(&stored)).await, Checked::RightButOld);
        assert_eq!(check(&hasher, "quietly seven Geese", Some(&stored)).await, Checked::Wrong);
    }

    #[test]
    fn memory_that_was_used_before_gives_the_hashes_of_fresh_memory() {
        let mut memory = Memory::default();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        memory.run(&weak, "another one", &[9; 16], OUTPUT).unwrap();
        for text in ["quietly seven geese", "loudly eight geese"] {
            let stored = hash(text, &[3; 16], &mut memory).unwrap();
            let fresh = Argon2::new(Algorithm::Argon2id, Version::V0x13, strong().unwrap());
            fresh.verify_password(text.as_bytes(), &PasswordHash::new(&stored).unwrap()).unwrap();
        }
        assert_eq!(memory.0.len(), 19_456);
        memory.release();
        assert_eq!(memory.0.capacity(), 0);
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away_and_told_when_to_come_again() {
        let hasher = Hasher::new().unwrap();
        let turns: Vec<Turn> = (0..TURNS).map(|_| hasher.turn().unwrap()).collect();
        let refused = hasher.hash(&password("quietly seven geese"), [3; 16], Deadline::default()).await.unwrap_err();
        assert_eq!(refused, Error::Overloaded { retry_after: AGAIN });
        drop(turns);
        hasher.hash(&password("quietly seven geese"), [3; 16], Deadline::default()).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_until_the_deadline_is_told_so_and_costs_no_work() {
        let hasher = Hasher::new().unwrap();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let busy: Vec<_> = (0..(cores - 1).max(1)).map(|_| held(&hasher)).collect();
        let begun = Arc::new(AtomicBool::new(false));
        let begin = begun.clone();
        let deadline = Deadline::within(Duration::from_millis(20));
        let late = hasher.work(hasher.turn().unwrap(), deadline, move |_: &mut Memory| begin.store(true, Ordering::SeqCst)).await;
        assert_eq!(late.unwrap_err(), Error::Deadline);
        drop(busy);
        hasher.work(hasher.turn().unwrap(), Deadline::default(), |_: &mut Memory| ()).await.unwrap();
        assert!(!begun.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_defect_costs_one_caller_the_answer_and_no_thread() {
        let hasher = Hasher::new().unwrap();
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let broken = hasher.work(hasher.turn().unwrap(), Deadline::default(), defect).await;
            assert!(matches!(broken.unwrap_err(), Error::Internal(_)));
        }
        hasher.work(hasher.turn().unwrap(), Deadline::default(), |_: &mut Memory| ()).await.unwrap();
        assert_eq!(hasher.turns.available_permits(), TURNS);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_gives_way_to_everything_else() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let hasher = Hasher::new().unwrap();
        let hashing = hasher.work(hasher.turn().unwrap(), Deadline::default(), move |_: &mut Memory| priority()).await.unwrap();
        assert_eq!(hashing, (priority() + NICE).min(19));
    }
}
