//! The stories and the rules of the house, in one program: each program of its own would link all of Portico's contracts once more.
//! `faults` stays apart, because its tests need the machine for themselves.

mod answering;
mod architecture;
mod asking;
mod bad_input;
mod by_mail;
mod canaries;
mod configuration;
mod docs;
mod files_on_s3;
mod finding_and_talking;
mod finding_pages;
mod first_ticket;
mod getting_in;
mod pages;
mod parts_away;
mod request_pages;
mod requirements;
mod sign_ins;
mod traces;
mod two_commands;
mod uploads;
