# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The directory that a block's nginx runs in: emptied, then filled with the
# configuration, the static files and empty log files.

package MlsecTest::ServRoot;

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Time::Local qw(timelocal);

use MlsecTest::Expand qw(expand);

use constant INDEX_HTML => "<html><head><title>It works!</title></head>"
    . "<body>It works!</body></html>\n";


sub new {
    my ($class, $settings) = @_;

    return bless { settings => $settings }, $class;
}


# Removes what the last block left and creates the empty tree.  Dies rather
# than remove a directory that no runner made.
sub prepare {
    my ($self) = @_;

    $self->wipe;
    make_path(map { "$self->{settings}{root}/$_" } qw(conf html logs));
    write_file($self->{settings}->html_dir . '/index.html', INDEX_HTML);

    return;
}


sub wipe {
    my ($self) = @_;

    my $root = $self->{settings}{root};

    return unless -e $root;

    opendir my $dir, $root or die "$root: $!\n";
    my @entries = grep { !/^\.\.?$/ } readdir $dir;
    closedir $dir;

    my $ours = -f "$root/conf/nginx.conf" || !grep { !/^(?:conf|html|logs)$/ }
                                                   @entries;

    die "$root is not the directory of a test server, not removing it\n"
        if !$ours || $root =~ m{^/+$};

    remove_tree($root, { safe => 0, error => \my $errors });

    die join("\n", map { join ': ', %$_ } @$errors), "\n" if @$errors;

    return;
}


# Writes the files of a `--- user_files` section under html/: text,
#
#     >>> name [YYYYMMDDhhmm[.ss]]
#     content up to the next line of that form
#
# or an array of [name, content, date].
sub write_user_files {
    my ($self, $files) = @_;

    my $settings = $self->{settings};
    my $html     = $settings->html_dir;
    my @files    = ref $files ? @$files
                              : _user_files(expand($files, $settings));

    for my $file (@files) {
        my ($name, $content, $date) = @$file;
        my $path = "$html/$name";

        make_path(dirname($path));
        write_file($path, $content // '');

        if (defined $date) {
            my $time = touch_time($date);
            utime $time, $time, $path or die "utime $path: $!\n";
        }
    }

    return;
}


sub _user_files {
    my ($text) = @_;

    my ($junk, @parts) = split /^>>>[ \t]+(\S+)(?:[ \t]+(\S+))?[ \t]*\n/m,
        $text;
    my @files;

    die "--- user_files: no \">>> name\" line before \"$junk\"\n"
        if ($junk // '') =~ /\S/;

    while (my ($name, $date, $content) = splice @parts, 0, 3) {
        push @files, [$name, $content, $date];
    }

    return @files;
}


# Returns the epoch time of a date in the form that touch -t takes.
sub touch_time {
    my ($date) = @_;

    my ($year, $mon, $day, $hour, $min, $sec)
        = $date =~ /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d\d))?$/
        or die "--- user_files: bad date \"$date\"\n";

    return timelocal($sec // 0, $min, $hour, $day, $mon - 1, $year);
}


# Writes nginx.conf from the sections of a block, given as a hash of
# main_config, http_config, config, post_main_config and log_level.  Dies
# when a section uses an environment variable that is not set.
sub write_conf {
    my ($self, $sections) = @_;

    my $settings = $self->{settings};
    my %text     = map { $_ => expand($sections->{$_} // '', $settings) }
        qw(main_config http_config config post_main_config);

    write_file($settings->conf_file,
        $self->_main($sections->{log_level}, $text{main_config})
        . $self->_http(@text{qw(http_config config)})
        . $text{post_main_config}
        . "\nevents {\n"
        . "    worker_connections $settings->{worker_connections};\n"
        . "}\n");

    return;
}


sub _main {
    my ($self, $level, $main_config) = @_;

    my $settings = $self->{settings};
    my $user     = $> == 0 ? "user root;\n" : '';
    my $env      = join '', map { "env $_;\n" } @{ $settings->{env_lines} };
    my $modules  = join '', map { "load_module $_;\n" }
        @{ $settings->{load_modules} };

    $level //= $settings->{log_level};

    return <<"EOC";
worker_processes $settings->{workers};
daemon off;
master_process $settings->{master};
error_log @{[ $settings->error_log ]} $level;
pid @{[ $settings->pid_file ]};
$user$env$modules$main_config
EOC
}


sub _http {
    my ($self, $http_config, $config) = @_;

    my $settings = $self->{settings};
    my $root     = $settings->{root};
    my $html     = $settings->html_dir;
    my $location = '';

    if ($settings->{root_location}) {
        $location = <<"EOC";
        location / {
            root $html;
            index index.html index.htm;
        }
EOC
    }

    my $temp = join '', map { "    ${_}_temp_path $root/${_}_temp;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);

    return <<"EOC";
http {
    access_log @{[ $settings->access_log ]};
$temp
    default_type text/plain;
    keepalive_timeout 68s;

$http_config

    server {
        listen $settings->{port};
        server_name 'localhost';
        client_max_body_size 30M;

$config

$location    }
}
EOC
}


sub write_file {
    my ($path, $content) = @_;

    open my $fh, '>:raw', $path or die "$path: $!\n";
    print {$fh} $content or die "$path: $!\n";
    close $fh or die "$path: $!\n";

    return;
}


1;
