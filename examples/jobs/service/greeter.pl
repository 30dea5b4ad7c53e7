# Answers every request with a greeting and the replica that gave it.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(
  LocalAddr => "127.0.0.1",
  LocalPort => $ENV{PORT},
  Listen => 64,
  ReuseAddr => 1,
  Proto => "tcp",
) or die "cannot listen at $ENV{PORT}: $!";
$| = 1;
print "listens at $ENV{PORT}\n";

while (1) {
  my $client = $server->accept or next;
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
  my $body = "hello from $ENV{REALM_REPLICA}\n";
  print $client "HTTP/1.1 200 OK\r\ncontent-length: " . length($body) . "\r\nconnection: close\r\n\r\n$body";
  close $client;
}
