/// All primes below a number, by the sieve of Eratosthenes.
fn primes(below: usize) -> Vec<usize> {
    let mut composite = vec![false; below];
    let mut found = Vec::new();
    for n in 2..below {
        if composite[n] {
            continue;
        }
        found.push(n);
        for multiple in (n * n..below).step_by(n) {
            composite[multiple] = true;
        }
    }
    found
}

fn main() {
    println!("{}", primes(100_000).len());
}

#[test]
fn finds_primes() {
    assert_eq!(primes(20), [2, 3, 5, 7, 11, 13, 17, 19]);
    assert_eq!(primes(0), []);
}
