module mtlsrollout.test/workload

go 1.26
