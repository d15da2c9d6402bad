//! The mail catcher: takes every mail of the stack over SMTP, keeps each as a file and shows them on a page.

pub mod page;
pub mod shelf;
pub mod smtp;
